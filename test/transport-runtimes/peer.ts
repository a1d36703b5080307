/** The other side of the contract test: Node servers on loopback that behave in one fixed way each, and a control port to ask what they saw. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import type { TestCertificates } from '../helpers/certificates.ts'
import { Notes } from './notes.ts'
import { FLOOD_SIZE, patternAt, patternFault } from './pattern.ts'

/** Ports by behaviour, and the certificates: what the contract needs to know. Travels as JSON. */
export interface PeerInfo {
  readonly ports: Readonly<Record<string, number>>
  readonly certificates: TestCertificates
}

/** A running set of servers. */
export interface Peer {
  readonly info: PeerInfo
  close(): Promise<void>
}

/** No record of TLS. */
const PLAIN_TEXT = 'HTTP/1.1 400 Bad Request\r\n\r\n'

type Behaviour = (socket: net.Socket, notes: Notes) => void

const echo: Behaviour = (socket) => {
  socket.pipe(socket)
}

/** Sends the pattern as fast as the other side reads. */
const flood: Behaviour = (socket, notes) => {
  const name = socket instanceof tls.TLSSocket ? 'tls flood' : 'flood'
  let sent = 0
  const send = (): void => {
    while (sent < FLOOD_SIZE) {
      const length = Math.min(65_536, FLOOD_SIZE - sent)
      sent += length
      notes.live.set(name, sent)
      if (!socket.write(patternAt(sent - length, length))) {
        socket.once('drain', send)
        return
      }
    }
    socket.end()
  }
  socket.resume()
  send()
}

/** The TCP socket under a TLS one; a plain one itself. */
function below(socket: net.Socket): net.Socket {
  return (socket as { _parent?: net.Socket })._parent ?? socket
}

/** What the notes call this server. */
function nameOf(socket: net.Socket, name: string): string {
  return socket instanceof tls.TLSSocket ? `tls ${name}` : name
}

/** Accepts and says nothing, until it is released. */
function silent(name: string): Behaviour {
  return (socket, notes) => {
    notes.set(`${name} opened`, true)
    void notes.get(`release ${name}`).then(() => socket.destroy())
    socket.resume()
    socket.on('end', () => socket.end())
    socket.on('close', () => notes.set(`${name} closed`, true))
  }
}

const behaviours: Record<string, Behaviour> = {
  echo,
  flood,
  /** Sends `late` after the end has come. */
  late: (socket) => {
    let received = ''
    socket.on('data', (chunk) => {
      received += String(chunk)
    })
    socket.on('end', () => socket.end(`late:${received}`))
  },
  /** Ends first, and notes what comes after. */
  early: (socket, notes) => {
    let received = ''
    socket.end('bye')
    socket.on('data', (chunk) => {
      received += String(chunk)
    })
    socket.on('end', () => notes.set('early', received))
  },
  /** Resets when the first byte comes. */
  reset: (socket) => {
    socket.write('abc')
    socket.once('data', () => socket.resetAndDestroy())
  },
  /** With TLS: says what name it was asked for (SNI). */
  name: (socket) => {
    socket.resume()
    socket.end(String((socket as tls.TLSSocket).servername))
  },
  /** Resets when it is told to. */
  resets: (socket, notes) => {
    socket.write('abc')
    socket.resume()
    void notes.get(`reset ${nameOf(socket, 'resets')}`).then(() => below(socket).resetAndDestroy())
  },
  /** Says more when the first byte comes, and resets as soon as the other side's system must have it. */
  'talks and resets': (socket, notes) => {
    socket.write('abc')
    socket.once('data', () => {
      socket.write('more', () => {
        setImmediate(() => {
          below(socket).resetAndDestroy()
          notes.set(`${nameOf(socket, 'talks and resets')} done`, true)
        })
      })
    })
  },
  /** Ends at once. */
  'says bye': (socket) => {
    socket.end('bye')
    socket.resume()
  },
  /** Says more, a little later, and waits. */
  'talks and waits': (socket) => {
    socket.write('abc')
    setImmediate(() => socket.write('more'))
    socket.resume()
  },
  /** Resets when it has read something, with a writer at work. */
  'resets while written to': (socket) => {
    let count = 0
    socket.on('data', (chunk: Buffer) => {
      count += chunk.length
      if (count > 100_000) below(socket).resetAndDestroy()
    })
  },
  /** Resets, when it is told to, a connection that nobody has used. */
  'resets at once': (socket, notes) => {
    socket.resume()
    void notes.get(nameOf(socket, 'resets at once')).then(() => below(socket).resetAndDestroy())
  },
  /** Resets in answer to the first byte. Spoken to in TLS, that is in the middle of the handshake. */
  'resets when spoken to': (socket) => {
    socket.once('data', () => socket.resetAndDestroy())
  },
  /** Ends in answer to the first byte. */
  'ends when spoken to': (socket) => {
    socket.once('data', () => socket.end())
  },
  /** Ends when it is told to. */
  ends: (socket, notes) => {
    socket.write('abc')
    socket.resume()
    void notes.get(`end ${nameOf(socket, 'ends')}`).then(() => socket.end())
  },
  /** Says more when the first byte comes, and ends. */
  'talks and ends': (socket, notes) => {
    socket.write('abc')
    socket.once('data', () => {
      socket.end('more', () => notes.set(`${nameOf(socket, 'talks and ends')} done`, true))
    })
  },
  /** Ends when it has read something, with a writer at work, and reads on. */
  'ends while written to': (socket, notes) => {
    let count = 0
    socket.on('data', (chunk: Buffer) => {
      // Later: a TLS socket of Node that ends inside of this event may drop what it has already read.
      if (count <= 100_000 && count + chunk.length > 100_000) setImmediate(() => socket.end())
      count += chunk.length
    })
    socket.on('end', () => notes.set(`${nameOf(socket, 'ends while written to')} read`, count))
  },
  /** With TLS: a plain text when the first byte comes, as a balancer in between might send. */
  'goes plain': (socket) => {
    socket.write('abc')
    socket.once('data', () => below(socket).write(PLAIN_TEXT))
  },
  /** With TLS: a plain text at once. */
  'goes plain at once': (socket, notes) => {
    socket.resume()
    below(socket).write(PLAIN_TEXT, () => notes.set('gone plain at once', true))
  },
  /** With TLS: more when the first byte comes, and then a plain text. */
  'talks and goes plain': (socket, notes) => {
    socket.write('abc')
    socket.once('data', () => {
      socket.write('more', () => below(socket).write(PLAIN_TEXT, () => notes.set('talked and gone plain', true)))
    })
  },
  /** With TLS: a plain text when it has read something, with a writer at work. */
  'goes plain while written to': (socket) => {
    let count = 0
    socket.on('data', (chunk: Buffer) => {
      if (count <= 100_000 && count + chunk.length > 100_000) below(socket).write(PLAIN_TEXT)
      count += chunk.length
    })
  },
  /** Closes everything when the first byte comes; with TLS, without close_notify. */
  cut: (socket) => {
    socket.write('abc')
    socket.once('data', () => socket.destroy())
  },
  /** Notes how much of the pattern came, and whether it was intact. */
  sink: (socket, notes) => {
    let count = 0
    let fault: string | null = null
    socket.on('data', (chunk: Buffer) => {
      fault ??= patternFault(chunk, count)
      count += chunk.length
    })
    socket.on('end', () => {
      notes.set('sink', { count, fault })
      socket.end()
    })
  },
  /** Reads nothing until it is told to. */
  stalled: (socket, notes) => {
    let count = 0
    let fault: string | null = null
    socket.pause()
    void notes.get('read the stalled').then(() => {
      socket.on('data', (chunk: Buffer) => {
        fault ??= patternFault(chunk, count)
        count += chunk.length
      })
      socket.resume()
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => notes.set('stalled', { count, fault }))
  },
  /** Never ends: after the other side's end it writes until it is told that nobody is there. */
  patient: (socket, notes) => {
    const write = (): void => {
      if (!socket.destroyed) socket.write('.', () => setImmediate(write))
    }
    socket.resume()
    socket.write('abc')
    socket.on('end', write)
    socket.on('close', () => notes.set(`${socket instanceof tls.TLSSocket ? 'tls ' : ''}patient closed`, true))
  },
  silent: silent('silent'),
  silentToo: silent('silentToo'),
}

/** Starts everything. */
export async function startPeer(certificates: TestCertificates): Promise<Peer> {
  const notes = new Notes()
  const servers: net.Server[] = []
  const sockets = new Set<net.Socket>()
  const ports: Record<string, number> = {}
  const prepare = (socket: net.Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Resets are part of the test; what matters of them is seen on the other side.
    socket.on('error', () => {})
  }
  const listen = async (name: string, server: net.Server): Promise<void> => {
    servers.push(server)
    server.on('connection', prepare)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ports[name] = (server.address() as net.AddressInfo).port
  }
  const secure = async (name: string, options: tls.TlsOptions, behaviour: Behaviour): Promise<void> => {
    const server = tls.createServer({ allowHalfOpen: true, ...options } as tls.TlsOptions, (socket) => {
      socket.on('error', () => {})
      behaviour(socket, notes)
    })
    server.on('tlsClientError', () => notes.set(`${name} refused`, true))
    await listen(name, server)
  }
  for (const [name, behaviour] of Object.entries(behaviours)) {
    await listen(
      name,
      net.createServer({ allowHalfOpen: true }, (socket) => behaviour(socket, notes)),
    )
    await secure(`tls ${name}`, certificates.server, behaviour)
  }
  const { ca, server, wrongName, expired, selfSigned } = certificates
  await secure('tls alpn', { ...server, ALPNProtocols: ['first', 'second'] }, echo)
  await secure('tls wrong name', wrongName, echo)
  await secure('tls expired', expired, echo)
  await secure('tls self-signed', selfSigned, echo)
  await secure('tls 1.2', { ...server, maxVersion: 'TLSv1.2' }, echo)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await secure(`tls client certificate ${maxVersion}`, { ...server, ca, requestCert: true, maxVersion }, (socket, seen) => {
      seen.set(`client ${maxVersion}`, (socket as tls.TLSSocket).getPeerCertificate().subject?.CN ?? null)
      echo(socket, seen)
    })
  }
  await listen(
    'control',
    net.createServer({ allowHalfOpen: true }, (socket) => answer(socket, notes)),
  )
  // A port where nobody listens: one that was free a moment ago.
  const free = net.createServer()
  await listen('refused', free)
  await new Promise((done) => free.close(done))
  const full = await startFull()
  ports['full'] = full.port
  return {
    info: { ports, certificates },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map((each) => new Promise((done) => each.close(done))))
      full.close()
    },
  }
}

/** One request, one answer: `name` waits for a note, `!name` makes one, `?name` asks for a live value. */
function answer(socket: net.Socket, notes: Notes): void {
  let request = ''
  socket.on('data', (chunk) => {
    request += String(chunk)
  })
  socket.on('end', () => {
    if (request.startsWith('!')) {
      notes.set(request.slice(1), true)
      socket.end('true')
    } else if (request.startsWith('?')) {
      socket.end(String(notes.live.get(request.slice(1)) ?? 0))
    } else {
      void notes.get(request).then((value) => socket.end(JSON.stringify(value)))
    }
  })
}

/** A port that answers no SYN: its process is stopped, and its backlog of 1 (Linux: and one more) is full. */
async function startFull(): Promise<{ port: number; close: () => void }> {
  const source = `
    const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      process.stdout.write(server.address().port + '\\n', () => process.kill(process.pid, 'SIGSTOP'))
    })`
  const child: ChildProcess = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  const port = Number(String(line))
  const fillers: net.Socket[] = []
  for (let i = 0; i < 2; i++) {
    const filler = net.connect(port, '127.0.0.1')
    filler.on('error', () => {})
    await once(filler, 'connect')
    fillers.push(filler)
  }
  return {
    port,
    close: () => {
      for (const filler of fillers) filler.destroy()
      child.kill('SIGKILL')
    },
  }
}
