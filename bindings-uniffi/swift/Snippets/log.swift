import Meshbook

let records = Logs.records(from: .info)
try await ExchangeClient.with(Options(host: "127.0.0.1", port: 0)) { node in
    for await record in records {
        print(record.level, record.message)
        break
    }
}
