/** The npm package: where its binary is. */
declare module 'workerd' {
  const path: string
  export default path
}
