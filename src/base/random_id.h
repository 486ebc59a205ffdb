// Unguessable identifiers and bytes from the kernel's random source.
#pragma once

#include <cstddef>
#include <string>

namespace hodei {

// `size` random bytes. Never fails: a kernel without randomness is a bug we stop at.
std::string RandomBytes(size_t size);
// `characters` of [0-9a-z], the first a letter: 5.17 bits each; 26 give more than 128 bits.
std::string RandomId(size_t characters = 26);

}  // namespace hodei
