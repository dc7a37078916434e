/** The pages, each with what stands on it once it has its data. Those in braces depend on the data. */
export const PAGES: readonly { readonly name: string; readonly path: string; readonly ready: string }[] = [
  { name: 'overview', path: '/', ready: '.verdict[data-level]' },
  { name: 'topology', path: '/topology', ready: '.node' },
  { name: 'groups', path: '/groups', ready: 'tbody th' },
  { name: 'instances', path: '/instances', ready: '.task' },
  { name: 'sinks', path: '/sinks', ready: '.group tbody th' },
  { name: 'trades', path: '/trades', ready: 'tbody th a' },
  { name: 'trade', path: '/trade?id={trade}', ready: '.timeline li' },
  { name: 'audit', path: '/audit', ready: 'tbody th a' },
  { name: 'dead-letters', path: '/dead-letters?id={letter}', ready: '.letter' },
  { name: 'send', path: '/send', ready: 'form' },
]
