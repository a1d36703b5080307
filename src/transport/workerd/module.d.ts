// The module that workerd has built in; a script, not a module, as only that can declare one.

declare module 'cloudflare:sockets' {
  export function connect(
    address: { hostname: string; port: number },
    options: { secureTransport: 'off' | 'on' | 'starttls'; allowHalfOpen: boolean },
  ): import('./sockets.ts').WorkerdSocket
}
