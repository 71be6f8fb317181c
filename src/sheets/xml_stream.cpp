// Wraps expat. What must stay true: after the first error no handler runs.
#include "sheets/xml_stream.hpp"

#include <array>
#include <utility>

namespace carryall::sheets {

namespace {

constexpr int kMaxDepth = 64;
// expat keeps a tag until it is whole, so an attribute of 100 MB would be 100 MB of memory.
constexpr std::uint64_t kMaxTagBytes = 1U << 20;
constexpr std::size_t kChunkBytes = 64 << 10;

std::string_view without_prefix(std::string_view name) {
    return name.substr(name.rfind(':') + 1);
}

}  // namespace

base::Error damaged_workbook(std::string_view detail) {
    return base::invalid_input("The workbook is damaged (" + std::string(detail) +
                               "). Open it in a spreadsheet program, save it again as .xlsx and "
                               "upload it once more.");
}

std::optional<std::string_view> XmlAttributes::find(std::string_view name) const {
    for (const char** at = list_; *at != nullptr; at += 2) {
        if (without_prefix(at[0]) == name) return at[1];
    }
    return std::nullopt;
}

XmlStream::XmlStream(Handlers handlers)
    : handlers_(std::move(handlers)), parser_(XML_ParserCreate(nullptr)) {
    CHECK(parser_ != nullptr);
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), on_start, on_end);
    XML_SetCharacterDataHandler(parser_.get(), on_text);
    XML_SetStartDoctypeDeclHandler(parser_.get(), on_doctype);
}

base::Result<void> XmlStream::feed(std::string_view bytes) {
    return parse(bytes, false);
}

base::Result<void> XmlStream::finish() {
    return parse({}, true);
}

base::Result<void> XmlStream::parse(std::string_view bytes, bool last) {
    fed_bytes_ += bytes.size();
    const XML_Status status = XML_Parse(parser_.get(), bytes.data(), static_cast<int>(bytes.size()),
                                        last ? XML_TRUE : XML_FALSE);
    if (error_) return *error_;
    if (status != XML_STATUS_OK) {
        return damaged_workbook(XML_ErrorString(XML_GetErrorCode(parser_.get())));
    }
    const XML_Index done = XML_GetCurrentByteIndex(parser_.get());
    if (!last && done >= 0 && fed_bytes_ - static_cast<std::uint64_t>(done) > kMaxTagBytes) {
        return damaged_workbook("a part of more than 1 MB that no spreadsheet program writes");
    }
    return {};
}

void XmlStream::stop(base::Error error) {
    if (!error_) error_ = std::move(error);
    XML_StopParser(parser_.get(), XML_FALSE);
}

void XmlStream::on_start(void* self, const char* name, const char** attributes) {
    auto* stream = static_cast<XmlStream*>(self);
    if (stream->error_) return;
    if (++stream->depth_ > kMaxDepth) return stream->stop(damaged_workbook("nested too deeply"));
    stream->handlers_.start(without_prefix(name), XmlAttributes(attributes));
}

void XmlStream::on_end(void* self, const char* name) {
    auto* stream = static_cast<XmlStream*>(self);
    if (stream->error_) return;
    --stream->depth_;
    if (stream->handlers_.end) stream->handlers_.end(without_prefix(name));
}

void XmlStream::on_text(void* self, const char* text, int length) {
    auto* stream = static_cast<XmlStream*>(self);
    if (stream->error_ || !stream->handlers_.text) return;
    stream->handlers_.text({text, static_cast<std::size_t>(length)});
}

void XmlStream::on_doctype(void* self, const char*, const char*, const char*, int) {
    static_cast<XmlStream*>(self)->stop(
        base::invalid_input("The workbook holds a document type declaration, which no spreadsheet "
                            "program writes. It is refused for safety."));
}

base::Result<void> read_part(ZipPart& part, XmlStream& stream, std::uint64_t max_bytes) {
    std::array<char, kChunkBytes> buffer;
    std::uint64_t total = 0;
    for (;;) {
        const auto got = part.read(buffer);
        if (!got) return got.error();
        if (*got == 0) return stream.finish();
        total += *got;
        if (total > max_bytes) {
            return base::Error{base::ErrorKind::too_large,
                               "The workbook's description is too large. Save the table alone as "
                               ".xlsx or CSV.",
                               {}};
        }
        CARRYALL_TRY(stream.feed({buffer.data(), *got}));
    }
}

}  // namespace carryall::sheets
