// A push parser for the XML inside workbooks. What must stay true: memory is bounded whatever the
// input (no DOCTYPE and so no entities, limited depth, limited size of one tag), and names are
// compared without their namespace prefix, because writers choose different ones.
#pragma once

#include <cstdint>
#include <expat.h>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sheets/zip_archive.hpp"

namespace carryall::sheets {

class XmlAttributes {
  public:
    explicit XmlAttributes(const char** list) : list_(list) {}
    // The value of the attribute with this name, without regard to a prefix.
    std::optional<std::string_view> find(std::string_view name) const;

  private:
    const char** list_;
};

class XmlStream {
  public:
    struct Handlers {
        std::function<void(std::string_view name, const XmlAttributes&)> start;
        std::function<void(std::string_view name)> end;
        std::function<void(std::string_view text)> text;
    };

    explicit XmlStream(Handlers handlers);
    XmlStream(const XmlStream&) = delete;
    XmlStream& operator=(const XmlStream&) = delete;

    base::Result<void> feed(std::string_view bytes);
    base::Result<void> finish();
    // For handlers: nothing more is wanted.
    void stop(base::Error error);

  private:
    struct Freer {
        void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
    };
    base::Result<void> parse(std::string_view bytes, bool last);
    static void on_start(void* self, const char* name, const char** attributes);
    static void on_end(void* self, const char* name);
    static void on_text(void* self, const char* text, int length);
    static void on_doctype(void* self, const char*, const char*, const char*, int);

    Handlers handlers_;
    std::unique_ptr<XML_ParserStruct, Freer> parser_;
    std::uint64_t fed_bytes_ = 0;
    int depth_ = 0;
    std::optional<base::Error> error_;
};

// Feeds a whole part of the archive; `max_bytes` bounds it.
base::Result<void> read_part(ZipPart& part, XmlStream& stream, std::uint64_t max_bytes);

base::Error damaged_workbook(std::string_view detail);

}  // namespace carryall::sheets
