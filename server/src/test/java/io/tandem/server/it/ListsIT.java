package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The filters of lists do what they say, or are refused by their name. */
@Timeout(120)
class ListsIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String FORM = "Content-Type: multipart/form-data; boundary=X";

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static List<String> ids(String path) throws Exception {
        return StreamSupport.stream(server.json(server.get(path)).path("data").spliterator(), false)
                .map(object -> object.path("id").asText())
                .toList();
    }

    private static RawHttp.Answer upload(String fields, String content) throws Exception {
        StringBuilder body = new StringBuilder();
        for (String field : ("purpose=fine-tune&" + fields).split("&")) {
            String[] pair = field.split("=", 2);
            if (pair.length == 2) {
                body.append(
                        "--X\r\nContent-Disposition: form-data; name=\"" + pair[0] + "\"\r\n\r\n" + pair[1] + "\r\n");
            }
        }
        body.append("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n" + content
                + "\r\n--X--\r\n");
        return RawHttp.post(server.port(), "/v1/files", body.toString(), FORM);
    }

    @Test
    void filesAreFilteredAndOrdered() throws Exception {
        assertThat(upload("", "{}").status()).isEqualTo(200);
        assertThat(upload("", "{ }").status()).isEqualTo(200);
        List<String> newest = ids("/v1/files?purpose=fine-tune");
        assertThat(newest).hasSizeGreaterThanOrEqualTo(2);
        assertThat(ids("/v1/files")).isEqualTo(newest);
        assertThat(ids("/v1/files?purpose=batch")).isEmpty();
        List<String> oldest = ids("/v1/files?order=asc");
        assertThat(oldest).containsExactlyInAnyOrderElementsOf(newest);
        assertThat(oldest.get(0)).isEqualTo(newest.get(newest.size() - 1));
        assertThat(ids("/v1/files?order=asc&limit=1&after=" + oldest.get(0))).containsExactly(oldest.get(1));
    }

    @Test
    void filesExpireWhenTheirUploadSaysSo() throws Exception {
        RawHttp.Answer answer = upload("expires_after[anchor]=created_at&expires_after[seconds]=3600", "{}");
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        JsonNode file = new JsonMapper().readTree(answer.body());
        assertThat(file.path("expires_at").asLong())
                .isEqualTo(file.path("created_at").asLong() + 3600);
        JsonNode found = server.json(server.get("/v1/files/" + file.path("id").asText()));
        assertThat(found).isEqualTo(file);
    }

    @ParameterizedTest
    @CsvSource({
        "expires_after[anchor]=created_at, expires_after[seconds]",
        "expires_after[anchor]=last_used&expires_after[seconds]=3600, expires_after[anchor]",
        "expires_after[seconds]=3600, expires_after[anchor]",
        "expires_after[anchor]=created_at&expires_after[seconds]=3599, expires_after[seconds]",
        "expires_after[anchor]=created_at&expires_after[seconds]=2592001, expires_after[seconds]",
        "expires_after[anchor]=created_at&expires_after[seconds]=-1, expires_after[seconds]",
        "colour=red, colour"
    })
    void wrongFieldsOfAnUploadAreNamed(String fields, String param) throws Exception {
        RawHttp.Answer answer = upload(fields, "{}");
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.body()).contains("\"param\":\"" + param + "\"");
    }

    @Test
    void emptyFilesAreRefused() throws Exception {
        RawHttp.Answer answer = upload("", "");
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains("'file' is empty.");
    }

    @Test
    void jobsAreFoundByTheirMetadata() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(4));
        String start = "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"hyperparameters\":{\"n_epochs\":1}";
        String red = server.json(server.post(JOBS, start + ",\"metadata\":{\"colour\":\"red\",\"size\":\"s\"}}"))
                .path("id")
                .asText();
        String blue = server.json(server.post(JOBS, start + ",\"metadata\":{\"colour\":\"blue\"}}"))
                .path("id")
                .asText();
        String none = server.json(server.post(JOBS, start + "}")).path("id").asText();
        assertThat(ids(JOBS)).containsExactly(none, blue, red);
        assertThat(ids(JOBS + "?metadata%5Bcolour%5D=red")).containsExactly(red);
        assertThat(ids(JOBS + "?metadata[colour]=red&metadata[size]=s")).containsExactly(red);
        assertThat(ids(JOBS + "?metadata[colour]=blue&metadata[size]=s")).isEmpty();
        assertThat(ids(JOBS + "?metadata[shape]=")).isEmpty();
        assertThat(ids(JOBS + "?metadata=null")).containsExactly(none);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/v1/files?purpos=batch", "/v1/fine_tuning/jobs?status=failed", "/v1/adapters?labels=a",
                "/v1/files?order=up", "/v1/fine_tuning/jobs?metadata=all", "/v1/files?limit=10001"
            })
    void whatIsNoFilterIsRefused(String path) throws Exception {
        HttpResponse<String> answer = server.get(path);
        assertThat(answer.statusCode()).isEqualTo(400);
        String name = path.substring(path.indexOf('?') + 1, path.indexOf('='));
        assertThat(answer.body()).contains("\"param\":\"" + name + "\"").contains("'" + name + "'");
    }
}
