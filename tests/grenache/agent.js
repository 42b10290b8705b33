// Grapes, links and RPC peers from npm, as a test tells: a JSON object a line comes in by stdin,
// {id, do, ...}, and its answer goes out by stdout, {id, error} or {id, result}.
'use strict'

const crypto = require('crypto')
const readline = require('readline')
const { Grape } = require('grenache-grape')
const Link = require('grenache-nodejs-link')
const { PeerRPCClient, PeerRPCServer } = require('grenache-nodejs-http')

// What turns a raw key into one that Node.js reads.
const PUBLIC_KEY = Buffer.from('302a300506032b6570032100', 'hex')
const keys = crypto.generateKeyPairSync('ed25519')

const verify = (signature, message, key) => {
  const der = Buffer.concat([PUBLIC_KEY, key])
  const publicKey = crypto.createPublicKey({ key: der, format: 'der', type: 'spki' })
  return crypto.verify(null, message, publicKey, signature)
}

let link = null
let client = null
// What the server was asked, the first so many.
const KEPT = 1000
const received = []
let requests = 0

const commands = {
  // Runs a Grape and answers once it has joined.
  grape (conf, done) {
    const grape = new Grape({ ...conf, verify })
    const joined = new Promise((resolve) => grape.once('ready', resolve))
    grape.start((error) => error ? done(error) : joined.then(() => done(null, true)))
  },

  // What follows goes by this Grape.
  link ({ grape }, done) {
    // Without a cache, so that a look-up is one.
    link = new Link({ grape, lruMaxAgeLookup: -1 })
    link.start()
    client = new PeerRPCClient(link, {})
    client.init()
    done(null, true)
  },

  announce: ({ key, port }, done) => link.announce(key, port, {}, done),
  lookup: ({ key }, done) => link.lookup(key, {}, done),
  put: ({ data }, done) => link.put(data, done),
  get: ({ hash }, done) => link.get(hash, done),

  // Signs a value as BEP 44 says and makes of it what is put.
  sign ({ v, seq, salt, cas }, done) {
    const text = (value) => `${Buffer.byteLength(value)}:${value}`
    const message = (salt ? `4:salt${text(salt)}` : '') + `3:seqi${seq}e1:v${text(v)}`
    const sig = crypto.sign(null, Buffer.from(message), keys.privateKey).toString('hex')
    const der = keys.publicKey.export({ format: 'der', type: 'spki' })
    const k = der.subarray(PUBLIC_KEY.length).toString('hex')
    done(null, { v, k, sig, seq, salt, cas })
  },

  // Runs a server that answers with what it was asked, or with an error where that is 'fail', or
  // never where it is 'silence'.
  serve ({ port }, done) {
    const peer = new PeerRPCServer(link, { timeout: 300000 })
    peer.init()
    const service = peer.transport('server')
    service.listen(port)
    service.on('request', (rid, key, payload, handler) => {
      requests++
      if (received.length < KEPT) received.push({ key, payload })
      if (payload === 'silence') return
      if (payload === 'fail') return handler.reply(new Error('ERR_ASKED_FOR'), null)
      handler.reply(null, { key, payload })
    })
    service.socket.once('listening', () => done(null, true))
  },

  served: (_, done) => done(null, requests),

  received: (_, done) => done(null, received),

  // Asks whoever announced the key.
  request ({ key, payload, opts }, done) {
    client.request(key, payload, opts, done)
  },

  // Asks all who announced the key.
  map ({ key, payload, opts }, done) {
    client.map(key, payload, opts, done)
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line)
  const done = (error, result) => {
    const answer = { id: command.id, error: error ? error.message : null, result }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  commands[command.do](command, done)
}).on('close', () => process.exit(0))
