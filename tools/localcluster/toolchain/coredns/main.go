// Command coredns runs CoreDNS with its standard plugins at the version that this module pins.
package main

import (
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
