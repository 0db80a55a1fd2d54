// Package console holds the files of the inspector's page.
package console

import "embed"

// FS has index.html and what that loads: plain files, which need no build and load nothing from elsewhere.
//
//go:embed *.html *.css *.js *.svg
var FS embed.FS
