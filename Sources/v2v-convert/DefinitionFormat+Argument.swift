public import ArgumentParser
public import V2VConvert

extension DefinitionFormat: ExpressibleByArgument {}
