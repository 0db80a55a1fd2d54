module github.com/braid-go/braid/x/cache

go 1.26.0

require (
	github.com/braid-go/braid v0.0.0
	github.com/maypok86/otter/v2 v2.4.0
)

// Until there are releases, the library is the tree above this one.
replace github.com/braid-go/braid => ../..
