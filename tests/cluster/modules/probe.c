#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void){
  int written = open("/written", O_CREAT | O_WRONLY, 0600);
  printf("user %d, root %s\n", getuid(), written < 0 ? strerror(errno) : "can be written");
}
