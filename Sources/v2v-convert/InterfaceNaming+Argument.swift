public import ArgumentParser
public import V2VConvert

extension FixupOptions.InterfaceNaming: ExpressibleByArgument {}
