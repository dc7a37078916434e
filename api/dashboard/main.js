import { render } from 'preact'
import { App } from './app.js'
import { html } from './html.js'

const place = document.getElementById('app')
if (place === null) throw new Error('index.html has no element #app')
place.replaceChildren()
render(html`<${App} />`, place)
