package appearance

import (
	"bytes"
	"compress/zlib"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Bounds of a picture in a signature: beyond them it is a photograph, not a seal, and costs more than the rest.
const (
	maxImageBytes  = 4 << 20
	maxImagePixels = 4 << 20
)

// picture is an image XObject.
type picture struct {
	ref           pdf.Ref
	width, height int
}

// addImage embeds a PNG or a JPEG (8.9.5).
func addImage(u *pdf.Update, data []byte) (picture, error) {
	if len(data) > maxImageBytes {
		return picture{}, problem.New(problem.Invalid, "the image is larger than %d bytes", maxImageBytes)
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return picture{}, problem.New(problem.Invalid, "the image is neither PNG nor JPEG")
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxImagePixels/config.Height {
		return picture{}, problem.New(problem.Invalid, "the image has more than %d pixels", maxImagePixels)
	}
	if format == "jpeg" && config.ColorModel != color.CMYKModel {
		return addJPEG(u, data, config)
	}
	return addPixels(u, data, format)
}

// addJPEG embeds the bytes as they are.
func addJPEG(u *pdf.Update, data []byte, config image.Config) (picture, error) {
	space := pdf.Name("DeviceRGB")
	if config.ColorModel == color.GrayModel {
		space = "DeviceGray"
	}
	d := imageDict(config.Width, config.Height, space)
	d.Set("Filter", pdf.Name("DCTDecode"))
	return picture{u.AddStream(d, data), config.Width, config.Height}, nil
}

// addPixels decodes the image and embeds its colours, and next to them its transparency as a soft mask (11.6.5.2).
// A CMYK JPEG goes the same way, because viewers disagree on whether its values are inverted.
func addPixels(u *pdf.Update, data []byte, format string) (picture, error) {
	decode := png.Decode
	if format == "jpeg" {
		decode = jpeg.Decode
	}
	img, err := decode(bytes.NewReader(data))
	if err != nil {
		return picture{}, problem.New(problem.Invalid, "the image cannot be decoded")
	}
	bounds := img.Bounds()
	width, height := bounds.Dx(), bounds.Dy()
	colours, alpha := make([]byte, 0, 3*width*height), make([]byte, 0, width*height)
	opaque := true
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			colours = append(colours, c.R, c.G, c.B)
			alpha = append(alpha, c.A)
			opaque = opaque && c.A == 0xFF
		}
	}
	d := imageDict(width, height, "DeviceRGB")
	if !opaque {
		mask, err := addDeflated(u, imageDict(width, height, "DeviceGray"), alpha)
		if err != nil {
			return picture{}, err
		}
		d.Set("SMask", mask)
	}
	ref, err := addDeflated(u, d, colours)
	return picture{ref, width, height}, err
}

func imageDict(width, height int, space pdf.Name) *pdf.Dict {
	return pdf.NewDict("Type", pdf.Name("XObject"), "Subtype", pdf.Name("Image"), "Width", int64(width),
		"Height", int64(height), "ColorSpace", space, "BitsPerComponent", int64(8))
}

func addDeflated(u *pdf.Update, d *pdf.Dict, data []byte) (pdf.Ref, error) {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return pdf.Ref{}, problem.Wrap(problem.Internal, err, "compressing an image")
	}
	if err := w.Close(); err != nil {
		return pdf.Ref{}, problem.Wrap(problem.Internal, err, "compressing an image")
	}
	d.Set("Filter", pdf.Name("FlateDecode"))
	return u.AddStream(d, out.Bytes()), nil
}
