package pdf

import "kyso/internal/pades/pdf/syntax"

// unpredict undoes the predictor of Flate and LZW data (7.4.4.4), in place.
func unpredict(data []byte, params *Dict) ([]byte, error) {
	predictor := intParam(params, "Predictor", 1)
	if predictor <= 1 {
		return data, nil
	}
	colors, bits, columns := intParam(params, "Colors", 1), intParam(params, "BitsPerComponent", 8), intParam(params, "Columns", 1)
	if colors < 1 || colors > 32 || columns < 1 || columns > 1<<24 || bits < 1 || bits > 16 {
		return nil, syntax.Broken("the parameters of a predictor are malformed")
	}
	pixel := int(colors*bits+7) / 8
	row := int(colors*bits*columns+7) / 8
	if predictor == 2 {
		if bits != 8 {
			return nil, syntax.Broken("a structural stream has a TIFF predictor of %d bits", bits)
		}
		for start := 0; start < len(data); start += row {
			line := data[start:min(start+row, len(data))]
			for i := pixel; i < len(line); i++ {
				line[i] += line[i-pixel]
			}
		}
		return data, nil
	}
	return unPNG(data, row, pixel)
}

func intParam(params *Dict, key Name, def int64) int64 {
	if n, ok := Int(params.Get(key)); ok {
		return n
	}
	return def
}

// unPNG undoes the PNG filters; every row starts with the number of its filter.
func unPNG(data []byte, row, pixel int) ([]byte, error) {
	out := data[:0]
	above := make([]byte, row)
	for len(data) > 1 {
		kind := data[0]
		line := data[1:min(1+row, len(data))]
		data = data[1+len(line):]
		switch kind {
		case 0:
		case 1:
			for i := pixel; i < len(line); i++ {
				line[i] += line[i-pixel]
			}
		case 2:
			for i := range line {
				line[i] += above[i]
			}
		case 3:
			for i := range line {
				left := 0
				if i >= pixel {
					left = int(line[i-pixel])
				}
				line[i] += byte((left + int(above[i])) / 2)
			}
		case 4:
			paethLine(line, above, pixel)
		default:
			return nil, syntax.Broken("a row has the unknown PNG filter %d", kind)
		}
		copy(above, line)
		out = append(out, line...) // moves the row left, over bytes that have been read
	}
	return out, nil
}

func paethLine(line, above []byte, pixel int) {
	for i := range line {
		var left, corner int
		if i >= pixel {
			left, corner = int(line[i-pixel]), int(above[i-pixel])
		}
		up := int(above[i])
		p := left + up - corner
		dl, du, dc := abs(p-left), abs(p-up), abs(p-corner)
		switch {
		case dl <= du && dl <= dc:
			line[i] += byte(left)
		case du <= dc:
			line[i] += byte(up)
		default:
			line[i] += byte(corner)
		}
	}
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
