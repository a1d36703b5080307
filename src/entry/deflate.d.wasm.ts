/** A static import of the binary: workerd gives it compiled. */
declare const module: WebAssembly.Module
export default module
