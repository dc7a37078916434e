/** What a gateway tells its parent process, once it listens. */
export interface GatewayStatus {
  readonly role: 'gateway'
  readonly url: string
}
