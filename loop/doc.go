// Package loop is the event loop: asyncio's model under braid's API.
package loop
