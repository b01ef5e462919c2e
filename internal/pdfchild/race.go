//go:build race

package pdfchild

const raceEnabled = true
