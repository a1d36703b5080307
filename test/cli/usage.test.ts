/** What does not need a server: help, and command lines that are wrong. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { run } from './run.ts'

describe('help', () => {
  test('of the program names its commands and its exit codes', async () => {
    const { code, stdout, stderr } = await run(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const name of ['ws <url>', 'http [<method>] <url>', 'bench <url>']) expect(stdout).toContain(`nexus-async-net ${name}`)
    for (const exit of [0, 1, 2, 3, 4, 130]) expect(stdout).toMatch(new RegExp(`^  ${exit} `, 'm'))
  })

  test.each(['ws', 'http', 'bench'])('of %s has usage, every option, examples and exit codes', async (name) => {
    const { code, stdout, stderr } = await run([name, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^nexus-async-net ${name} .*\\[options\\]\n`))
    expect(stdout).toMatch(/\n {2}-H, --header 'Name: value' {2}[a-z]/)
    expect(stdout).toContain('\nExamples:\n  ')
    expect(stdout).toContain('\nExit codes:\n  0 ')
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThan(140)
  })

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('a command line that is wrong says what would be right, on stderr, and exits with 2', () => {
  test.each<[string[], string]>([
    [[], 'which command? ws, http, bench\ntry: nexus-async-net --help'],
    [['wss'], 'there is no command wss; is it ws?\ntry: nexus-async-net --help'],
    [['subscribe'], 'there is no command subscribe; there are ws, http, bench\ntry: nexus-async-net --help'],
    [['wss://a.example'], 'put a command before the URL: nexus-async-net ws <url>\ntry: nexus-async-net --help'],
    [['https://a.example'], 'put a command before the URL: nexus-async-net http <url>\ntry: nexus-async-net --help'],
    [['ws'], 'ws takes <url>, but nothing was given\ntry: nexus-async-net ws --help'],
    [['ws', 'a', 'b'], 'ws takes <url>, but 2 operands were given\ntry: nexus-async-net ws --help'],
    [['ws', 'ws://h', '--recrod', 'f'], 'there is no option --recrod; is it --record?\ntry: nexus-async-net ws --help'],
    [['ws', 'ws://h', '-z'], 'there is no option -z\ntry: nexus-async-net ws --help'],
    [['ws', 'ws://h', '--timeout', '5'], '--timeout is a time with its unit, such as 500ms, 10s or 2m, not "5"\ntry: nexus-async-net ws --help'],
    [['ws', 'ws://h', '--count', '0'], '--count is a whole number from 1 to 9007199254740991, not "0"\ntry: nexus-async-net ws --help'],
    [
      ['ws', 'ws://h', '-H', 'Bearer key'],
      "--header is 'Name: value', but one that was given has no name before a colon\ntry: nexus-async-net ws --help",
    ],
    [['ws', 'ws://h', '--speed', '2'], '--speed goes with --replay\ntry: nexus-async-net ws --help'],
    [['ws', 'ws://h', '--json', '--binary'], '--json and --binary exclude each other\ntry: nexus-async-net ws --help'],
    [['ws', 'ws://h', '--record', 'f', '--replay', 'f'], '--record would overwrite what --replay reads\ntry: nexus-async-net ws --help'],
    [['ws', 'localhost:80'], 'InvalidUrl: what this URL begins with is not a WebSocket scheme: use ws:// or wss://'],
    [['http', 'http://us%er:p@host'], 'user or password of the URL are not valid percent-encoding\ntry: nexus-async-net http --help'],
    [['http', 'localhost:80'], 'that is not an HTTP URL; expected something like https://host:port/path\ntry: nexus-async-net http --help'],
    [['http', 'http://h', '--data', 'a', '--data-file', 'b'], '--data and --data-file exclude each other\ntry: nexus-async-net http --help'],
    [['bench', 'ws://h', '--data', 'a'], '--data is for http: and https: URLs\ntry: nexus-async-net bench --help'],
    [['bench', 'http://h', '-c', '1001'], '--connections is a whole number from 1 to 1000, not "1001"\ntry: nexus-async-net bench --help'],
  ])('%j', async (args, expected) => {
    expect(await run(args)).toMatchObject({ code: 2, stdout: '', stderr: `nexus-async-net: ${expected}\n` })
  })

  test.each([
    ['ws', 'ws://h', '--replay', '/nowhere/at/all'],
    ['ws', 'ws://h', '--record', '/nowhere/at/all'],
    ['ws', 'ws://h', '--ca', '/nowhere/at/all'],
    ['http', 'http://h', '--data-file', '/nowhere/at/all'],
  ])('%s %s %s with a file that is not there', async (...args) => {
    const { code, stdout, stderr } = await run(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(new RegExp(`^nexus-async-net: ${args[2]}: ENOENT: .*/nowhere/at/all`))
  })

  test('an option without its value', async () => {
    const { code, stderr } = await run(['ws', 'ws://h', '--record'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^nexus-async-net: --record <value>.*argument missing/)
  })
})
