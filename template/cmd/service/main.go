// Command service runs the service alone. Its flags and what to try with it:
//
//	go run ./cmd/service --help
package main

import (
	"context"
	"os"

	"github.com/braid-go/braid/template"
)

func main() {
	os.Exit(template.Main(context.Background(), template.Command("service"), os.Args, os.Stdout, os.Stderr))
}
