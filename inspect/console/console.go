// Package console holds the files of the inspector's page.
package console

import "embed"

// FS has index.html and what that loads.
//
//go:embed *.html
var FS embed.FS
