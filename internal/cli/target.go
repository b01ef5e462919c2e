package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxFileName is how many bytes a name may have in the usual file systems.
const maxFileName = 255

// Named puts a word behind the name of a PDF file. A name that gets too long loses letters at its end, whole ones.
func Named(path, word string) string {
	folder, name := filepath.Split(path)
	extension := filepath.Ext(name)
	if !strings.EqualFold(extension, ".pdf") {
		extension = ".pdf"
	} else {
		name = name[:len(name)-len(extension)]
	}
	for len(name)+len(word)+len(extension) > maxFileName {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	return folder + name + word + extension
}

// Writable refuses, before anything is asked or sent, a target that cannot be written. It leaves nothing behind: folders that
// are not there yet are made when there is something to put into them.
func Writable(targets ...string) error {
	tried := map[string]bool{}
	for _, target := range targets {
		if info, err := os.Stat(target); err == nil && info.IsDir() {
			return Usage("%s is a folder", target)
		}
		if len(filepath.Base(target)) > maxFileName {
			return Usage("%s: a file name has at most %d bytes", target, maxFileName)
		}
		folder := filepath.Dir(target)
		for {
			info, err := os.Stat(folder)
			if err == nil && !info.IsDir() {
				return Usage("%s cannot be written: %s is no folder", target, folder)
			}
			if err == nil || !errors.Is(err, fs.ErrNotExist) || filepath.Dir(folder) == folder {
				break
			}
			folder = filepath.Dir(folder)
		}
		if tried[folder] {
			continue
		}
		tried[folder] = true
		probe, err := os.CreateTemp(folder, ".kyso-*")
		if err != nil {
			return Usage("%s cannot be written: %v", target, err)
		}
		if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
			return Usage("%s cannot be written: %v", target, err)
		}
	}
	return nil
}
