package io.tandem.server.it;

/** What answers have the form of: OpenAI's client makes the schema of the class, and reads the answer into it. */
public class Verdict {
    public boolean sure;
    public Colour colour;

    public enum Colour {
        RED,
        GREEN
    }
}
