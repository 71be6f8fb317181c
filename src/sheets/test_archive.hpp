// For tests only: ZIP archives made by hand, because the ones that matter lie about themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carryall::sheets {

inline std::uint32_t crc_32(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    }
    return ~crc;
}

struct PackedPart {
    std::string name;
    std::string packed;
    std::uint32_t declared_bytes = 0;
    std::uint32_t crc = 0;
    std::uint16_t method = 0;  // 0 stored, 8 deflated
    std::uint16_t flags = 0;   // 1 encrypted
};

class TestArchive {
  public:
    TestArchive& add(std::string name, std::string content) {
        const auto bytes = static_cast<std::uint32_t>(content.size());
        const std::uint32_t crc = crc_32(content);
        return add(PackedPart{std::move(name), std::move(content), bytes, crc, 0, 0});
    }

    TestArchive& add(const PackedPart& part) {
        const std::uint64_t offset = bytes_.size();
        put(bytes_, 0x04034B50, 4);
        put_description(bytes_, part);
        bytes_ += part.name;
        bytes_ += part.packed;
        put(directory_, 0x02014B50, 4);
        put(directory_, 20, 2);
        put_description(directory_, part);
        put(directory_, 0, 2 + 2 + 2 + 4);
        put(directory_, offset, 4);
        directory_ += part.name;
        ++count_;
        return *this;
    }

    std::string finish() const {
        std::string out = bytes_ + directory_;
        put(out, 0x06054B50, 4);
        put(out, 0, 4);
        put(out, count_, 2);
        put(out, count_, 2);
        put(out, directory_.size(), 4);
        put(out, bytes_.size(), 4);
        put(out, 0, 2);
        return out;
    }

  private:
    static void put(std::string& out, std::uint64_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) {
            out += static_cast<char>(i < 8 ? (value >> (8 * i)) & 0xFF : 0);
        }
    }
    static void put_description(std::string& out, const PackedPart& part) {
        put(out, 20, 2);
        put(out, part.flags, 2);
        put(out, part.method, 2);
        put(out, 0, 4);
        put(out, part.crc, 4);
        put(out, part.packed.size(), 4);
        put(out, part.declared_bytes, 4);
        put(out, part.name.size(), 2);
        put(out, 0, 2);
    }

    std::string bytes_;
    std::string directory_;
    std::uint64_t count_ = 0;
};

struct WorkbookParts {
    std::string root_relations =
        R"(<Relationships>)"
        R"(<Relationship Id="r1" Type="x/officeDocument" Target="xl/workbook.xml"/>)"
        R"(</Relationships>)";
    std::string workbook =
        R"(<workbook xmlns:r="r"><sheets><sheet name="Devices" sheetId="1" r:id="s1"/>)"
        R"(</sheets></workbook>)";
    std::string relations =
        R"(<Relationships>)"
        R"(<Relationship Id="s1" Type="x/worksheet" Target="worksheets/sheet1.xml"/>)"
        R"(<Relationship Id="s2" Type="x/sharedStrings" Target="sharedStrings.xml"/>)"
        R"(</Relationships>)";
    std::string shared = R"(<sst><si><t>ICCID</t></si><si><t>Name</t></si></sst>)";
    std::string rows =
        R"(<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>)"
        R"(<row r="2"><c r="A2" t="inlineStr"><is><t>89</t></is></c></row>)";

    std::string sheet() const {
        return "<worksheet><sheetData>" + rows + "</sheetData></worksheet>";
    }
    std::string pack() const {
        return TestArchive()
            .add("_rels/.rels", root_relations)
            .add("xl/workbook.xml", workbook)
            .add("xl/_rels/workbook.xml.rels", relations)
            .add("xl/sharedStrings.xml", shared)
            .add("xl/worksheets/sheet1.xml", sheet())
            .finish();
    }
};

}  // namespace carryall::sheets
