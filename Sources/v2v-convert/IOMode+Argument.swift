public import ArgumentParser
public import V2VConvert

extension Converter.IOMode: ExpressibleByArgument {}
