/** Runs the fuzzer in this very runtime: `<runtime> fuzz.mjs SECONDS SEED [CASES]`; a JSON line a minute, and one at the end. Bundled by fuzz.test.ts. */

import { type Finding, fuzz } from '../property/guarded/fuzz.ts'

const [seconds = 60, first = 1, cases = Number.POSITIVE_INFINITY] = process.argv.slice(2).map(Number)
const started = Date.now()
/** Seeds between two lines. */
const ROUND = 2_048

let total = 0
let events = 0
let reported = started
const findings: Finding[] = []
const isOver = (): boolean => Date.now() - started >= 1_000 * seconds
const report = (): void => console.log(JSON.stringify({ seconds: Math.round((Date.now() - started) / 1_000), cases: total, events, findings }))

for (let seed = first; !isOver() && seed < first + cases && findings.length < 5; seed += ROUND) {
  const round = fuzz({ seed, cases: Math.min(ROUND, first + cases - seed), until: isOver, findings: 5 - findings.length })
  total += round.cases
  events += round.events
  findings.push(...round.findings)
  if (Date.now() - reported < 60_000) continue
  reported = Date.now()
  report()
}
report()
