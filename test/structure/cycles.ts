/** Cycles in a graph of names. */

/** The sets of names that lead to each other, each ascending; names that lead to themselves alone are none. */
export function cyclesOf(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  // Tarjan: what is on the stack when its root is left is one set.
  const order = new Map<string, number>()
  const stack: string[] = []
  const cycles: string[][] = []
  const visit = (name: string): number => {
    const number = order.size
    order.set(name, number)
    let lowest = number
    stack.push(name)
    for (const next of graph.get(name) ?? []) {
      if (!order.has(next)) lowest = Math.min(lowest, visit(next))
      else if (stack.includes(next)) lowest = Math.min(lowest, order.get(next) as number)
    }
    if (lowest === number) {
      const set = stack.splice(stack.indexOf(name))
      if (set.length > 1) cycles.push(set.toSorted())
    }
    return lowest
  }
  for (const name of [...graph.keys()].toSorted()) if (!order.has(name)) visit(name)
  return cycles.toSorted()
}
