// Every case of the compatibility tests. Each has users and channels of its own, so all of them run at once.
export * from './connecting.js'
export * from './channels.js'
export * from './messages.js'
export * from './refusals.js'
export * from './endings.js'
export * from './recovery.js'
export * from './presence.js'
