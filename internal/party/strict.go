package party

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"kyso/internal/problem"
)

// StrictJSON takes one object whose names are known, spelled exactly and given once. encoding/json alone would take "Issuer" for
// "issuer", and of both the later one: then what was signed and what is acted on differ by the reader. Its errors name a field at
// most, never a value.
func StrictJSON(body []byte, value any) error {
	if !utf8.Valid(body) { // encoding/json would put replacement characters into names
		return errors.New("not UTF-8")
	}
	if err := exactNames(json.NewDecoder(bytes.NewReader(body)), reflect.TypeOf(value)); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(value); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return WrongField(wrong.Field, "has the wrong type")
		}
		return errors.New("syntax, or a wrong value")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("bytes after the end")
	}
	return nil
}

// WrongField refuses a message for one of its fields.
func WrongField(field, en string) error {
	return problem.OfField(problem.Invalid, field, field+" "+en, "")
}

var errSyntax = errors.New("syntax")

// exactNames reads one value that is to become a t. It goes as deep as the type does: an object where the type has none is refused.
func exactNames(d *json.Decoder, t reflect.Type) error {
	token, err := d.Token()
	if err != nil {
		return errSyntax
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	delimiter, _ := token.(json.Delim)
	fields := namesOf(t)
	switch {
	case delimiter == 0:
		return nil
	case delimiter == '[' && t.Kind() == reflect.Slice:
		for d.More() {
			if err := exactNames(d, t.Elem()); err != nil {
				return err
			}
		}
	case delimiter == '{' && fields != nil:
		if err := exactFields(d, fields); err != nil {
			return err
		}
	default:
		return errors.New("an object or a list where none belongs")
	}
	if _, err := d.Token(); err != nil { // the end of it
		return errSyntax
	}
	return nil
}

func exactFields(d *json.Decoder, fields map[string]reflect.Type) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return errSyntax
		}
		field, known := fields[name]
		switch {
		case !known:
			return errors.New("an unknown field, or one in another spelling")
		case seen[name]:
			return fmt.Errorf("%s is given more than once", name)
		}
		seen[name] = true
		if err := exactNames(d, field); err != nil {
			return err
		}
	}
	return nil
}

// namesOf are the names that a struct has on the wire; nil for what is no object there.
func namesOf(t reflect.Type) map[string]reflect.Type {
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}
