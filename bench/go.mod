module github.com/braid-go/braid/bench

go 1.26.0

require (
	github.com/alitto/pond/v2 v2.7.1
	github.com/braid-go/braid v0.0.0
	github.com/braid-go/braid/template v0.0.0
	github.com/failsafe-go/failsafe-go v0.9.8
	github.com/panjf2000/ants/v2 v2.12.1
	github.com/sony/gobreaker/v2 v2.4.0
	github.com/sourcegraph/conc v0.3.0
	golang.org/x/sync v0.24.0
)

require github.com/bits-and-blooms/bitset v1.24.4 // indirect

// Until there are releases, the library and the template are the trees next to this one.
replace (
	github.com/braid-go/braid => ../
	github.com/braid-go/braid/template => ../template
)
