public import ArgumentParser
public import V2VConvert

extension Reflink: ExpressibleByArgument {}
