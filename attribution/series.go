package attribution

import "math/bits"

// blockLen is how many values of a series are packed together.
const blockLen = 128

// chunkWords is the least length of the storage that blocks share.
const chunkWords = 4096

// series is a column of whole numbers, such as the times of a curve's knots in ns
// or its energies in µJ, packed in blocks: a straight line through the block, and
// of each value how far it lies above the line, in as few bits as the block needs.
// Any numbers come back exactly, and those of a register that is read every so
// often take two or three bytes instead of eight. Any value is found in constant
// time.
type series[T ~int64] struct {
	blocks []block
	chunks [][]uint64 // what lies above the lines, bit after bit
	// rest are the values after the last whole block.
	rest []T
}

// block is where a block lies and its line: base + i·step, modulo 2⁶⁴.
type block struct {
	base, step uint64
	chunk      int32 // its words, from word first of the chunk on
	first      int32
	width      uint8 // bits a value
}

// len is how many values there are.
func (s *series[T]) len() int { return len(s.blocks)*blockLen + len(s.rest) }

// last is the last value of a series that is not empty.
func (s *series[T]) last() T { return s.at(s.len() - 1) }

// at is value i.
func (s *series[T]) at(i int) T {
	k := i / blockLen
	if k == len(s.blocks) {
		return s.rest[i%blockLen]
	}
	b := &s.blocks[k]
	v := b.base + uint64(i%blockLen)*b.step
	if b.width == 0 {
		return T(v)
	}
	bit := uint(i%blockLen) * uint(b.width)
	words := s.chunks[b.chunk][b.first:]
	above := words[bit/64] >> (bit % 64)
	if bit%64+uint(b.width) > 64 {
		above |= words[bit/64+1] << (64 - bit%64)
	}
	return T(v + above&(1<<b.width-1))
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
	from := uint64(s.rest[0])
	step := uint64(int64(s.rest[blockLen-1]-s.rest[0]) / (blockLen - 1))
	// The lowest value under the line moves the line down to it. All sums are
	// modulo 2⁶⁴, so numbers too far apart for their difference only take more bits.
	var low int64
	for i, v := range s.rest {
		low = min(low, int64(uint64(v)-from-uint64(i)*step))
	}
	b := block{base: from + uint64(low), step: step}
	var most uint64
	for i, v := range s.rest {
		most |= uint64(v) - b.base - uint64(i)*step
	}
	b.width = uint8(bits.Len64(most))
	words := blockLen * int(b.width) / 64
	n := len(s.chunks) - 1
	if words > 0 && (n < 0 || cap(s.chunks[n])-len(s.chunks[n]) < words) {
		// A short series, of which there may be thousands, gets no more than it needs.
		s.chunks = append(s.chunks, make([]uint64, 0, max(words, min(chunkWords, len(s.blocks)*words))))
		n++
	}
	if words > 0 {
		chunk := s.chunks[n]
		b.chunk, b.first = int32(n), int32(len(chunk))
		s.chunks[n] = chunk[:len(chunk)+words]
		for i, v := range s.rest {
			above, bit := uint64(v)-b.base-uint64(i)*step, uint(i)*uint(b.width)
			words := s.chunks[n][b.first:]
			words[bit/64] |= above << (bit % 64)
			if bit%64+uint(b.width) > 64 {
				words[bit/64+1] |= above >> (64 - bit%64)
			}
		}
	}
	s.blocks = append(s.blocks, b)
}
