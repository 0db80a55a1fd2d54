// Package browsertest has the tests of the inspector's console: a real browser, without a window, shows the page
// of a real inspector, and tasks that really run.
//
//	go test ./inspect/browsertest                       all tests; skipped if there is no Chromium
//	go test ./inspect/browsertest -run Pictures -update the pictures in docs/pictures, of the running demo
//
// The browser is the one that BRAID_BROWSER names, a path or a command; it is an error if that cannot be found.
// Without the variable it is the first of chromium, chromium-browser, google-chrome and chrome; without any of those the tests are skipped.
//
// The tests leave pictures of all views in the folder shots, which git ignores.
package browsertest
