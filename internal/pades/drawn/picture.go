package drawn

import "kyso/internal/pades/pdf"

// maxMask bounds the samples of a mask that is looked at.
const maxMask = 16 << 20

// transparency returns where a picture lets through what is below it: by a soft mask (11.6.5.2), by a stencil mask (8.9.6), or because
// it is a stencil itself. A mask that cannot be read here is taken for opaque: nil.
func (r *Reader) transparency(image *pdf.Stream, ctm matrix) (func(Point) bool, error) {
	mask, bits, painted := image, int64(1), 0
	switch {
	case image.Dict.Get("ImageMask") == true:
	case image.Dict.Get("SMask") != nil || image.Dict.Get("Mask") != nil:
		soft, err := r.File.Resolve(image.Dict.Get("SMask"))
		if err != nil {
			return nil, err
		}
		if mask, bits = asStream(soft), 8; mask == nil {
			stencil, err := r.File.Resolve(image.Dict.Get("Mask"))
			if err != nil {
				return nil, err
			}
			mask, bits = asStream(stencil), 1
		}
	default:
		return nil, nil
	}
	back, ok := ctm.inverse()
	if mask == nil || !ok {
		return nil, nil
	}
	width, _, err := r.File.IntOf(mask.Dict.Get("Width"))
	if err != nil {
		return nil, err
	}
	height, _, err := r.File.IntOf(mask.Dict.Get("Height"))
	if err != nil || width < 1 || height < 1 || width > maxMask || height > maxMask/width {
		return nil, err
	}
	if depth, ok, err := r.File.IntOf(mask.Dict.Get("BitsPerComponent")); err != nil || ok && depth != bits {
		return nil, err
	}
	decode, err := r.Numbers(mask.Dict.Get("Decode"))
	if err != nil {
		return nil, err
	}
	turned := len(decode) == 2 && decode[0] > decode[1]
	row := (width*bits + 7) / 8
	data, err := r.data(mask)
	if err != nil || int64(len(data)) < row*height {
		return nil, err
	}
	if turned {
		painted = 1
	}
	return func(p Point) bool {
		at := back.at(p.X, p.Y)
		column := min(max(int64(at.X*float64(width)), 0), width-1)
		line := min(max(int64((1-at.Y)*float64(height)), 0), height-1)
		if bits == 8 {
			return data[line*row+column] < 128 != turned
		}
		return int(data[line*row+column/8]>>(7-column%8)&1) != painted // 0 paints
	}, nil
}

func asStream(o pdf.Object) *pdf.Stream {
	stream, _ := o.(*pdf.Stream)
	return stream
}
