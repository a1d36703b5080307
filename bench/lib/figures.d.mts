/** What `npm run bench` leaves in report/results.json. */
export interface Results {
  readonly reports: Record<string, unknown[]>
  readonly codec: unknown
}
export function renewFigures(page: string, results: Results): string
