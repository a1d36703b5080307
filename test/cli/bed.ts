/** What tests of the command line stand on: a folder with the test authority's certificate, and servers that end with their test. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import type { Service } from './servers.ts'

class Bed {
  folder!: string
  certificates!: TestCertificates
  readonly services: Service[] = []

  /** Has the server closed after the test. */
  keep<Of extends Service>(service: Of): Of {
    this.services.push(service)
    return service
  }

  /** The path of a file in the folder, where `ca.pem` is. */
  file(name: string): string {
    return join(this.folder, name)
  }
}

export function makeBed(): Bed {
  const bed = new Bed()
  beforeAll(async () => {
    bed.folder = mkdtempSync(join(tmpdir(), 'nexus-cli-'))
    bed.certificates = await makeCertificates()
    writeFileSync(bed.file('ca.pem'), bed.certificates.ca)
  })
  afterEach(async () => {
    for (const service of bed.services.splice(0)) await service.close()
  })
  afterAll(() => rmSync(bed.folder, { recursive: true }))
  return bed
}
