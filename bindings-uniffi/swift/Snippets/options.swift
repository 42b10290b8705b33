import Meshbook

do {
    _ = try ExchangeClient(Options(port: 70000))
} catch let error as MeshbookError {
    print(error.kind, error.code)
    print(error)
}
