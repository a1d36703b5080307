/** What a code block says that it prints (`// → …`, or `# → …` for a shell): these lines in this order, others may stand between them; `…` differs from run to run. */
export function printed(code: string): RegExp {
  const lines = [...code.matchAll(/(?:\/\/|#) → (.*)$/gm)].map(([, line = '']) => line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*'))
  return new RegExp(lines.map((line) => `^${line}$`).join('[^]*'), 'm')
}
