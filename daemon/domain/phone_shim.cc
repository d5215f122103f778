/*
 * phone_shim.cc - libphonenumber behind a C face. Every function catches all: an exception that
 * reached a C frame would end the process.
 */
#include "domain/phone_shim.h"

#include <cstring>
#include <set>
#include <string>

#include <phonenumbers/phonenumberutil.h>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/* Copies what fits whole; false otherwise. */
static bool give(const std::string &text, char *out, size_t cap) noexcept
{
    if (text.size() >= cap)
        return false;
    memcpy(out, text.c_str(), text.size() + 1);
    return true;
}

extern "C" enum phone_grade phone_read(const char *text, const char *region, char *out, size_t cap)
{
    try {
        const PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
        PhoneNumber number;
        if (util->Parse(text, region, &number) != PhoneNumberUtil::NO_PARSING_ERROR)
            return PHONE_NONE;
        std::string formatted;
        util->Format(number, PhoneNumberUtil::E164, &formatted);
        if (!give(formatted, out, cap))
            return PHONE_NONE;
        if (util->IsValidNumber(number))
            return PHONE_VALID;
        return util->IsPossibleNumber(number) ? PHONE_POSSIBLE : PHONE_NONE;
    } catch (...) {
        return PHONE_NONE;
    }
}

extern "C" bool phone_region_known(const char *region)
{
    try {
        return PhoneNumberUtil::GetInstance()->GetCountryCodeForRegion(region) != 0;
    } catch (...) {
        return false;
    }
}

extern "C" bool phone_dial_from(const char *e164, const char *region, char *out, size_t cap)
{
    try {
        const PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
        PhoneNumber number;
        if (util->Parse(e164, region, &number) != PhoneNumberUtil::NO_PARSING_ERROR)
            return false;
        std::string formatted, digits;
        util->FormatOutOfCountryCallingNumber(number, region, &formatted);
        for (char c : formatted)
            if (c >= '0' && c <= '9')
                digits += c;
        return !digits.empty() && give(digits, out, cap);
    } catch (...) {
        return false;
    }
}
