import { writeFile } from 'node:fs/promises'
import { GatewayFixture } from '../../api/testing/gateway-fixture.ts'
import { clientTypes, type OpenApi } from './client-types.ts'

// npm run client: writes api/client/operations.ts, from the OpenAPI of a gateway.

const { server } = await GatewayFixture.create()
await server.ready()
// As the plugin types it, it may be of OpenAPI 2; it is told to be of 3.1.
await writeFile(new URL('../../api/client/operations.ts', import.meta.url), clientTypes(server.swagger() as unknown as OpenApi))
await server.close()
