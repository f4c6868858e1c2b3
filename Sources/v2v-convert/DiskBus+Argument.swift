public import ArgumentParser
public import V2VConvert

extension DiskBus: ExpressibleByArgument {}
