// Recognises files by their first bytes. What must stay true: each refusal says what to do next.
#include "sheets/file_kind.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"

namespace carryall::sheets {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t kSniffedBytes = 4096;

struct Refusal {
    std::string_view start;
    std::string_view message;
};

constexpr std::string_view kOldExcel = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv;

constexpr Refusal kRefusals[] = {
    {"%PDF"sv, "This is a PDF. Export the list as .xlsx or CSV."},
    {"\x1F\x8B"sv, "This is a gzip archive. Unpack it and upload the file inside."},
    {"7z\xBC\xAF\x27\x1C"sv, "This is a 7-Zip archive. Unpack it and upload the file inside."},
    {"Rar!"sv, "This is a RAR archive. Unpack it and upload the file inside."},
    {"\x89PNG"sv, "This is a picture. Export the list as .xlsx or CSV."},
    {"\xFF\xD8\xFF"sv, "This is a picture. Export the list as .xlsx or CSV."},
    {"{\\rtf"sv, "This is a rich text document. Export the list as .xlsx or CSV."},
    {"PAR1"sv, "This is a Parquet file. Export the list as .xlsx or CSV."},
    {"SQLite format 3"sv, "This is a database file. Export the list as .xlsx or CSV."},
    {"ID;P"sv,
     "This is a SYLK file. Open it in a spreadsheet program and save it as .xlsx or CSV."},
    {"\xFF\xFE\0\0"sv, "The text is encoded as UTF-32. Save the file as CSV UTF-8."},
    {"\0\0\xFE\xFF"sv, "The text is encoded as UTF-32. Save the file as CSV UTF-8."},
};

constexpr std::string_view kMarkup =
    "This is a web page or an XML file, whatever its name ends in. Open it in a spreadsheet "
    "program and save it as .xlsx or CSV.";
constexpr std::string_view kJson = "This is a JSON file. Export the list as .xlsx or CSV.";

// The compound file of Excel 97 is also the envelope of a workbook with a password.
base::Result<bool> holds_encrypted_package(ByteSource& source) {
    constexpr auto kName = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv;
    constexpr std::size_t kChunk = 256 << 10;
    std::string window(kChunk, '\0');
    for (std::uint64_t offset = 0; offset < source.size(); offset += kChunk - kName.size()) {
        const auto got = source.read_at(offset, window);
        if (!got) return got.error();
        if (std::string_view(window.data(), *got).find(kName) != std::string_view::npos)
            return true;
    }
    return false;
}

base::Error explain_old_excel(ByteSource& source) {
    const auto encrypted = holds_encrypted_package(source);
    if (!encrypted) return encrypted.error();
    if (*encrypted) {
        return base::invalid_input(
            "The workbook is protected with a password. Open it, remove the password and save it "
            "again as .xlsx or CSV.");
    }
    return base::invalid_input(
        "This is a file of an old Excel (.xls). Open it and save it as .xlsx or CSV.");
}

base::Result<void> refuse_markup(std::string_view start) {
    const std::string_view text = base::trim(start);
    if (text.starts_with('<')) return base::invalid_input(std::string(kMarkup));
    if (text.starts_with("{\"") || text.starts_with("[{") || text.starts_with("[\"") ||
        text.starts_with("{\n") || text.starts_with("[\n")) {
        return base::invalid_input(std::string(kJson));
    }
    return {};
}

base::Result<void> refuse_binary(std::string_view start) {
    const auto zeros = std::count(start.begin(), start.end(), '\0');
    if (zeros == 0) return {};
    // Latin letters in UTF-16 leave a zero in every second byte.
    if (static_cast<std::size_t>(zeros) * 5 > start.size() * 2) {
        return base::invalid_input(
            "The text seems to be UTF-16 without a byte-order mark. Save the file as CSV UTF-8.");
    }
    return base::invalid_input(
        "This is neither a text file nor a workbook. Export the list as .xlsx or CSV.");
}

}  // namespace

base::Result<FileStart> recognise(ByteSource& source) {
    std::array<char, kSniffedBytes> buffer;
    const auto got = source.read_at(0, buffer);
    if (!got) return got.error();
    const std::string_view start(buffer.data(), *got);

    if (start.starts_with("PK\x03\x04"sv) || start.starts_with("PK\x05\x06"sv)) {
        return FileStart(ZipStart{});
    }
    if (start.starts_with(kOldExcel)) return explain_old_excel(source);
    for (const Refusal& refusal : kRefusals) {
        if (start.starts_with(refusal.start)) {
            return base::invalid_input(std::string(refusal.message));
        }
    }
    if (start.starts_with("\xFF\xFE"sv)) {
        return FileStart(TextStart{Encoding::utf_16_le, 2});
    }
    if (start.starts_with("\xFE\xFF"sv)) {
        return FileStart(TextStart{Encoding::utf_16_be, 2});
    }
    CARRYALL_TRY(refuse_binary(start));
    const std::uint64_t mark = start.starts_with("\xEF\xBB\xBF"sv) ? 3 : 0;
    CARRYALL_TRY(refuse_markup(start.substr(mark)));
    return FileStart(TextStart{Encoding::utf_8, mark});
}

}  // namespace carryall::sheets
