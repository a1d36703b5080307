// What the test needs of them, from this folder's own node_modules.

export { default as axios } from 'axios'
export { default as ky } from 'ky'
export { default as OpenAI } from 'openai'
export { createPublicClient, http } from 'viem'
