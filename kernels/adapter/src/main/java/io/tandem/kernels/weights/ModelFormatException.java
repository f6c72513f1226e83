package io.tandem.kernels.weights;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file of a model is missing, damaged, or of a kind that is not supported; the message says where and why. */
public final class ModelFormatException extends RuntimeException {
    public ModelFormatException(String message) {
        super(message);
    }

    public ModelFormatException(String message, Throwable cause) {
        super(message, cause);
    }

    /** A file as a whole is not what it should be. */
    public static ModelFormatException in(Path file, String problem) {
        return new ModelFormatException(file + ": " + problem);
    }

    /** A file cannot be read as what it should be. */
    public static ModelFormatException in(Path file, String problem, Throwable cause) {
        return new ModelFormatException(file + ": " + problem + reason(cause), cause);
    }

    /** A parser's own words are about its insides, and reach clients that upload such files. */
    private static String reason(Throwable cause) {
        if (cause instanceof JsonProcessingException json && json.getLocation() != null) {
            JsonLocation at = json.getLocation();
            return " at line " + at.getLineNr() + ", column " + at.getColumnNr();
        }
        String message = cause.getMessage();
        return message == null ? "" : ": " + excerpt(firstLine(message));
    }

    /** One value of a file is not what it should be. */
    public static ModelFormatException at(Path file, String key, @Nullable Object found, String expected) {
        return new ModelFormatException(
                file + ": " + excerpt(key) + " is " + excerpt(String.valueOf(found)) + ", expected " + expected);
    }

    private static String firstLine(String text) {
        int end = text.indexOf('\n');
        return end < 0 ? text : text.substring(0, end);
    }

    /** Values come from outside and may be of any length; a message shows the beginning. */
    public static String excerpt(String text) {
        return text.length() <= 200 ? text : text.substring(0, 200) + "…";
    }
}
