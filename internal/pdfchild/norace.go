//go:build !race

package pdfchild

const raceEnabled = false
