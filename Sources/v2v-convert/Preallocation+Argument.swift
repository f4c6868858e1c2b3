public import ArgumentParser
public import V2VConvert

extension RawOptions.Preallocation: ExpressibleByArgument {}
