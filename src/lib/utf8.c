#include "lib/utf8.h"

#include <string.h>

size_t utf8_char(const char *s, size_t len, unsigned *code)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned c = len ? (unsigned char)s[0] : 0, v;
	size_t n = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;

	if (n == 0 || n > len)
		return 0;
	v = n == 1 ? c : c & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		unsigned more = (unsigned char)s[i];

		if ((more & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (more & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	if (code)
		*code = v;
	return n;
}

bool utf8_is_control(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff;
}

bool utf8_is_clean(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned code = 0;
		size_t n = utf8_char(s + i, len - i, &code);

		if (n == 0 || utf8_is_control(code))
			return false;
		i += n;
	}
	return true;
}

bool utf8_is_utf16(const char *s, size_t len)
{
	if (len < 2)
		return false;
	return !memcmp(s, "\xff\xfe", 2) || !memcmp(s, "\xfe\xff", 2) || !s[0] != !s[1];
}
