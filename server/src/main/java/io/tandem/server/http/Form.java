package io.tandem.server.http;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.multipart.Attribute;
import io.netty.handler.codec.http.multipart.DefaultHttpDataFactory;
import io.netty.handler.codec.http.multipart.FileUpload;
import io.netty.handler.codec.http.multipart.HttpPostMultipartRequestDecoder;
import io.netty.handler.codec.http.multipart.HttpPostRequestDecoder.EndOfDataDecoderException;
import io.netty.handler.codec.http.multipart.HttpPostRequestDecoder.TooManyFormFieldsException;
import io.netty.handler.codec.http.multipart.InterfaceHttpData;
import io.tandem.server.api.ApiException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a client sent as multipart/form-data.
 *
 * @param fields texts by their name
 * @param files in the order they came
 */
record Form(Map<String, String> fields, List<UploadedFile> files) {
    private static final int MAX_PARTS = 32;
    private static final int MAX_TEXT_BYTES = 8192;
    private static final int MAX_NAME_CHARS = 255;
    private static final int MAX_PART_HEADER_BYTES = 16 << 10;
    private static final int CHUNK_BYTES = 64 << 10;

    /**
     * @param field its name in the form
     * @param name the client's own name for it; may be empty
     */
    record UploadedFile(String field, String name, Path path) {}

    /**
     * Takes a body apart. It waits for the disk, so it is not for an event loop.
     *
     * @param directory where the files of the form are left
     * @throws ApiException if the body is not a form
     */
    static Form read(Path body, String contentType, Path directory) throws IOException {
        DefaultHttpDataFactory memory = new DefaultHttpDataFactory(DefaultHttpDataFactory.MINSIZE);
        memory.setBaseDir(directory.toString());
        memory.setDeleteOnExit(false);
        HttpRequest head = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/");
        head.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
        try {
            HttpPostMultipartRequestDecoder decoder = new HttpPostMultipartRequestDecoder(
                    memory, head, StandardCharsets.UTF_8, MAX_PARTS, MAX_PART_HEADER_BYTES);
            try {
                offer(body, decoder);
                return collect(decoder, directory);
            } finally {
                decoder.destroy();
            }
        } catch (TooManyFormFieldsException e) {
            throw invalid("The form has more than " + MAX_PARTS + " parts.");
        } catch (ApiException e) {
            throw e;
        } catch (RuntimeException e) {
            // The decoder answers odd forms with exceptions of every kind; those of the disk are inside its own.
            if (e.getCause() instanceof IOException disk) {
                throw disk;
            }
            throw invalid("The form cannot be read; every part needs a name and a known encoding.");
        }
    }

    private static void offer(Path body, HttpPostMultipartRequestDecoder decoder) throws IOException {
        try (InputStream in = Files.newInputStream(body)) {
            for (byte[] chunk = in.readNBytes(CHUNK_BYTES); chunk.length > 0; chunk = in.readNBytes(CHUNK_BYTES)) {
                decoder.offer(new DefaultHttpContent(Unpooled.wrappedBuffer(chunk)));
            }
        }
        decoder.offer(LastHttpContent.EMPTY_LAST_CONTENT);
    }

    private static Form collect(HttpPostMultipartRequestDecoder decoder, Path directory) throws IOException {
        Map<String, String> fields = new LinkedHashMap<>();
        List<UploadedFile> files = new ArrayList<>();
        try {
            while (decoder.hasNext()) {
                InterfaceHttpData part = decoder.next();
                if (part instanceof FileUpload file) {
                    Path target = directory.resolve("file-" + files.size());
                    file.renameTo(target.toFile());
                    files.add(new UploadedFile(file.getName(), checkedName(file), target));
                } else if (part instanceof Attribute text) {
                    fields.put(text.getName(), checkedText(text));
                }
            }
        } catch (EndOfDataDecoderException e) {
            // The decoder's way to say that it has seen the last boundary.
            return new Form(fields, files);
        }
        throw invalid("The form ends before its last boundary.");
    }

    private static String checkedName(FileUpload file) {
        if (file.getFilename().length() > MAX_NAME_CHARS) {
            throw ApiException.invalid(
                    file.getName(),
                    "'" + file.getName() + "' has a file name of more than " + MAX_NAME_CHARS + " characters.");
        }
        return file.getFilename();
    }

    private static String checkedText(Attribute text) throws IOException {
        if (text.length() > MAX_TEXT_BYTES) {
            throw ApiException.invalid(
                    text.getName(), "'" + text.getName() + "' is longer than " + MAX_TEXT_BYTES + " bytes.");
        }
        return text.getValue();
    }

    private static ApiException invalid(String message) {
        return ErrorMapper.wrong(400, "invalid_form", message);
    }
}
