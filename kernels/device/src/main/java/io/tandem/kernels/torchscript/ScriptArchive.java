package io.tandem.kernels.torchscript;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes the zip that libtorch compiles: the source tree under {@code code/}, and a pickled object of one class without
 * attributes. Entries are stored, never compressed, as libtorch demands.
 */
final class ScriptArchive {
    private static final String RESOURCES = "/io/tandem/kernels/code/";
    private static final String ROOT = "tandem/";

    private ScriptArchive() {}

    /**
     * @param className qualified name of the module's class, for example {@code __torch__.tandem.decoder.Decoder}
     * @param sources texts by their path below {@code code/}, for example {@code __torch__/tandem/decoder.py}
     */
    static byte[] pack(String className, Map<String, String> sources) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            store(zip, "data.pkl", instanceOf(className));
            for (Map.Entry<String, String> source : sources.entrySet()) {
                store(zip, "code/" + source.getKey(), source.getValue().getBytes(StandardCharsets.UTF_8));
            }
            store(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
            store(zip, "version", ascii("10\n"));
            store(zip, "byteorder", ascii("little"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** Pickle protocol 2: a new instance of the class whose only attribute is {@code training = False}. */
    private static byte[] instanceOf(String className) throws IOException {
        int dot = className.lastIndexOf('.');
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.write(new byte[] {(byte) 0x80, 2});
        pickle.write(ascii("c" + className.substring(0, dot) + "\n" + className.substring(dot + 1) + "\n"));
        pickle.write(ascii(")"));
        pickle.write((byte) 0x81);
        pickle.write(ascii("}("));
        byte[] name = ascii("training");
        pickle.write(new byte[] {'X', (byte) name.length, 0, 0, 0});
        pickle.write(name);
        pickle.write((byte) 0x89);
        pickle.write(ascii("ub."));
        return pickle.toByteArray();
    }

    static boolean exists(String source) {
        return ScriptArchive.class.getResource(RESOURCES + source) != null;
    }

    static String read(String source) {
        try (InputStream in = ScriptArchive.class.getResourceAsStream(RESOURCES + source)) {
            if (in == null) {
                throw new IllegalStateException("TorchScript source " + source + " is not on the class path");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry(ROOT + name);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setSize(content.length);
        entry.setCompressedSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
