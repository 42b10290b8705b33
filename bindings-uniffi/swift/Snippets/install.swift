import Meshbook

print(try OrderBook())
