/** The server of Bun or Deno, whichever runs this: `rest-fetch-server.ts`; prints its port, and ends with its standard input. */

type Handler = (request: Request) => Response

interface Globals {
  readonly Bun?: { serve(options: { hostname: string; port: number; fetch: Handler }): { port: number } }
  readonly Deno?: { serve(options: { hostname: string; port: number; onListen(): void }, handler: Handler): { addr: { port: number } } }
  readonly process: { readonly stdin: { resume(): void; on(event: 'end', listener: () => void): void }; exit(code: number): void }
}

const { Bun, Deno } = globalThis as unknown as Globals
const { stdin, exit } = (await import('node:process')).default as unknown as Globals['process']

function handle(request: Request): Response {
  const { pathname, search } = new URL(request.url)
  switch (pathname) {
    case '/hello':
      return new Response(`hello ${search.slice(1)}`, { headers: { 'X-Method': request.method } })
    case '/chunks': {
      let i = 0
      const body = new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1))
          if (i < 20) controller.enqueue(new TextEncoder().encode(`${i++};`))
          else controller.close()
        },
      })
      return new Response(body)
    }
    case '/echo':
      return new Response(request.body)
    case '/none':
      return new Response(null, { status: 204 })
    default:
      return new Response('nothing here', { status: 404 })
  }
}

const options = { hostname: '127.0.0.1', port: 0 }
const port = Bun?.serve({ ...options, fetch: handle }).port ?? Deno?.serve({ ...options, onListen() {} }, handle).addr.port
console.log(JSON.stringify({ port }))
stdin.on('end', () => exit(0))
stdin.resume()

export {}
