package attribution

import (
	"encoding/binary"
	"math/bits"
)

const (
	// blockLen is how many values of a series are packed together.
	blockLen = 256
	// chunkLen is the storage, in bytes, that the blocks of a long series share.
	chunkLen = 32 << 10
	// loadLen is what is read at once to find a value, and so left free at the end
	// of a chunk.
	loadLen = 8
	// widest is the largest number of bits, beyond whole words, that one load holds
	// wherever they begin in a byte.
	widest = 57
)

// series is a column of whole numbers, such as the times of a curve's knots in ns
// or its energies in µJ, packed in blocks: a straight line through the block, and
// of each value how far it lies above the line, in as few bits as the block needs.
// Any numbers come back exactly, and those of a register that is read every so
// often take two or three bytes instead of eight. Any value is found in constant
// time.
type series[T ~int64] struct {
	blocks []block
	chunks [][]byte // what lies above the lines, bit after bit
	rest   []T      // the values after the last whole block
}

// block is a block's line, base + i·step modulo 2⁶⁴, and where it lies. The values
// are whole units above the line.
type block struct {
	base, step  uint64
	unit, chunk uint32
	first       uint16 // byte of the chunk
	width       uint8  // bits a value
}

// len is how many values there are.
func (s *series[T]) len() int { return len(s.blocks)*blockLen + len(s.rest) }

// last is the last value of a series that is not empty.
func (s *series[T]) last() T {
	if n := len(s.rest); n > 0 {
		return s.rest[n-1]
	}
	return s.at(s.len() - 1)
}

// at is value i.
func (s *series[T]) at(i int) T {
	k, j := uint(i)/blockLen, uint(i)%blockLen
	if k == uint(len(s.blocks)) {
		return s.rest[j]
	}
	b := &s.blocks[k]
	v := b.base + uint64(j)*b.step
	if b.width == 0 {
		return T(v)
	}
	bit := j * uint(b.width)
	above := binary.LittleEndian.Uint64(s.chunks[b.chunk][uint(b.first)+bit/8:]) >> (bit % 8)
	return T(v + above&(1<<b.width-1)*uint64(b.unit))
}

// add appends a value.
func (s *series[T]) add(v T) {
	s.rest = append(s.rest, v)
	if len(s.rest) == blockLen {
		s.pack()
		s.rest = s.rest[:0]
	}
}

// pack makes a block of the rest, which is full.
func (s *series[T]) pack() {
	from := s.rest[0]
	step := int64(s.rest[blockLen-1]-from) / (blockLen - 1)
	b := block{unit: unitOf(s.rest)}
	step -= step % int64(b.unit)
	// The lowest value under the line moves the line down to it. All sums are
	// modulo 2⁶⁴, so numbers too far apart for their difference only take more bits.
	var low int64
	for i, v := range s.rest {
		low = min(low, int64(v-from)-int64(i)*step)
	}
	b.base, b.step = uint64(from)+uint64(low), uint64(step)
	above := func(i int) uint64 {
		return (uint64(s.rest[i]) - b.base - uint64(i)*b.step) / uint64(b.unit)
	}
	var most uint64
	for i := range s.rest {
		most |= above(i)
	}
	if b.width = uint8(bits.Len64(most)); b.width > widest {
		b.width = 64
	}
	if b.width > 0 {
		length := blockLen * int(b.width) / 8
		n := len(s.chunks) - 1
		if n < 0 || cap(s.chunks[n])-len(s.chunks[n]) < length {
			// A short series, of which there may be thousands, gets little more than it
			// needs.
			s.chunks = append(s.chunks, make([]byte, loadLen, min(chunkLen, (len(s.blocks)+1)*length+loadLen)))
			n++
		}
		chunk := s.chunks[n]
		b.chunk, b.first = uint32(n), uint16(len(chunk)-loadLen)
		s.chunks[n] = chunk[:len(chunk)+length]
		for i := range s.rest {
			bit := uint(i) * uint(b.width)
			word := s.chunks[n][uint(b.first)+bit/8:]
			binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)|above(i)<<(bit%8))
		}
	}
	s.blocks = append(s.blocks, b)
}

// unitOf is the largest number whose multiples all differences of the values are,
// such as the 1000 µJ of a register that counts millijoules; 1 if that, or a
// difference, is large.
func unitOf[T ~int64](values []T) uint32 {
	const most = 1 << 40
	var unit uint64
	for _, v := range values {
		apart := int64(v) - int64(values[0])
		if apart < -most || apart > most {
			return 1
		}
		if apart < 0 {
			apart = -apart
		}
		for a := uint64(apart); a != 0; {
			unit, a = a, unit%a
		}
		if unit == 1 {
			return 1
		}
	}
	if unit == 0 || unit > 1<<31 {
		return 1
	}
	return uint32(unit)
}
